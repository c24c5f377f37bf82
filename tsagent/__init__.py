"""tsagent: turns a fresh TencentOS Server image into a working machine at first boot."""

__version__ = "0.1.0"
