"""Where the metadata service is. Apart, so that naming it costs no import of its client."""

# The address rather than metadata.tencentyun.com: no DNS at first boot, and none to be spoofed.
DEFAULT_BASE = "http://169.254.0.23"
