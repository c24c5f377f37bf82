"""The configuration of Chef's client. Source of its words: Chef's documentation of client.rb."""

from tsagent.changes.flags import is_on
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from tsagent.registry.context import Context

TEMPLATE = "/etc/cloud/templates/chef_client.rb.tmpl"
DEFAULTS: "Dict[str, Any]" = {
    "ssl_verify_mode": ":verify_none",
    "log_level": ":info",
    "log_location": "/var/log/chef/client.log",
    "validation_key": "/etc/chef/validation.pem",
    "validation_cert": None,
    "client_key": "/etc/chef/client.pem",
    "json_attribs": "/etc/chef/firstboot.json",
    "file_cache_path": "/var/chef/cache",
    "file_backup_path": "/var/chef/backup",
    "pid_file": "/var/run/chef/client.pid",
    "show_time": True,
    "encrypted_data_bag_secret": None,
    "environment": "_default",
    "node_name": None,
    "server_url": None,
    "validation_name": None,
    "chef_license": None,
}
# What is called otherwise in the client's configuration than in the settings.
_WORDS = {"server_url": "chef_server_url", "validation_name": "validation_client_name"}
_SYMBOLS = ("log_level", "ssl_verify_mode")
_ORDER = (
    "chef_license",
    "server_url",
    "node_name",
    "environment",
    "validation_name",
    "validation_key",
    "client_key",
    "ssl_verify_mode",
    "encrypted_data_bag_secret",
    "json_attribs",
    "file_cache_path",
    "file_backup_path",
    "pid_file",
    "log_level",
    "log_location",
)
_HEADER = "# Written by tsagent from the chef section of the user data, at each boot."


def parameters(settings: "Dict[str, Any]", instance_id: str) -> "Dict[str, Any]":
    """The settings that concern the client's configuration, with their defaults."""
    values = {name: settings.get(name, default) for name, default in DEFAULTS.items()}
    values["show_time"] = is_on(values["show_time"], True)
    values["node_name"] = values["node_name"] or instance_id
    # Only whether there is one: the key itself stands in a file of its own.
    values["validation_cert"] = "given" if values["validation_cert"] else None
    return values


def configuration(context: "Context", values: "Dict[str, Any]") -> bytes:
    """The file: from the image's own template where there is one."""
    template = context.read(TEMPLATE)
    if template is not None:
        from tsagent.userdata.template import TemplateError, render

        try:
            return render(template, dict(values, generated_by=_HEADER)).lstrip(b"\n")
        except TemplateError as error:
            where = "%s:%d" % (TEMPLATE, error.line) if error.line else TEMPLATE
            raise AgentError("%s: %s" % (where, error.message), error.code) from None
    return ("\n".join(_lines(values)) + "\n").encode("utf-8")


def _lines(values: "Dict[str, Any]") -> "List[str]":
    lines = [_HEADER]
    for name in _ORDER:
        value = values.get(name)
        if not value or (name == "validation_key" and not values["validation_cert"]):
            continue
        word = _WORDS.get(name, name)
        lines.append("%s %s" % (word, _symbol(name, value) if name in _SYMBOLS else _quoted(str(value))))
    if values.get("show_time"):
        lines.append("Chef::Log::Formatter.show_time = true")
    return lines


def _symbol(name: str, value: str) -> str:
    """A Ruby symbol, which the settings may have without its colon."""
    word = value.lstrip(":")
    if not word or not all(letter.isalnum() or letter == "_" for letter in word):
        raise AgentError("chef.%s is no Ruby symbol" % name, "bad-symbol", "write it as in :info")
    return ":" + word


def _quoted(text: str) -> str:
    """A Ruby string that means just this text: in single quotes nothing else is special."""
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")
