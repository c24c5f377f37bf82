"""Making the settings of an instance: layers merged, checked against the schemas, secrets known."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.registry.metadata import ModuleInfo
    from tsagent.sources.data import SourceData
    from tsagent.state.config import Config
    from tsagent.userdata.includes import Fetch
    from tsagent.userdata.settings import Settings


def layer_of_defaults(
    config: "Config", modules: "Dict[str, ModuleInfo]"
) -> "Tuple[Dict[str, Any], List[str]]":
    """The image's `defaults` as top-level keys, and what in them fits no module.

    A module with a section of its own name takes its defaults as that section; any other takes them as
    values of its keys.
    """
    layer: "Dict[str, Any]" = {}
    problems = []
    for name, values in config.defaults.items():
        info = modules.get(name)
        if info is None:
            problems.append("agent.yaml: defaults: there is no module %s" % name)
        elif info.section:
            layer[name] = values
        else:
            for key, value in values.items():
                if key in info.keys:
                    layer[key] = value
                else:
                    problems.append("agent.yaml: defaults: %s has no key %s" % (name, key))
    if config.network is not None:
        layer["network"] = config.network
    return layer, problems


def make_settings(
    config: "Config",
    modules: "Dict[str, ModuleInfo]",
    schemas: "List[Dict[str, Any]]",
    source: "SourceData",
    fetch: "Optional[Fetch]" = None,
) -> "Tuple[Settings, List[str]]":
    """The settings of a new instance, and what was wrong with what it was told; `fetch` gets its includes."""
    from tsagent.userdata.assemble import assemble
    from tsagent.userdata.validation import accept

    defaults, problems = layer_of_defaults(config, modules)
    settings = assemble(
        source.user_data,
        vendor_data=source.vendor_data,
        vendor_data2=source.vendor_data2,
        defaults=defaults,
        instance_data=instance_data(source),
        allow_part_handlers=config.allow_part_handlers,
        fetch=fetch,
    )
    origins = settings.origins
    settings.config, found = accept(settings.config, settings.marks or origins, schemas)
    warnings = problems + list(source.warnings) + settings.warnings + [str(item) for item in found]
    return settings, warnings


def instance_data(source: "SourceData") -> "Dict[str, Any]":
    """What templates may name: cloud-init's `v1` and `ds` beside our own names."""
    meta = source.metadata
    version1 = {
        "cloud_name": "tencentcloud",
        "platform": source.source,
        "instance_id": source.instance_id,
        "local_hostname": meta.get("hostname"),
        "region": meta.get("region"),
        "availability_zone": meta.get("zone"),
        "public_ssh_keys": meta.get("public_keys", []),
    }
    raw = source.sensitive.get("meta_data", meta)
    return dict(meta, v1=version1, ds={"meta_data": raw})
