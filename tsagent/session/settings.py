"""Making the settings of an instance: layers merged, checked against the schemas, secrets known."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.host import Tree
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
    tree: "Tree",
    fetch: "Optional[Fetch]" = None,
    kernel: "Optional[str]" = None,
) -> "Tuple[Settings, List[str]]":
    """The settings of a new instance, and what was wrong with what it was told.

    `fetch` gets its includes; `kernel` is the kernel command line.
    """
    from tsagent.session.kernel_settings import kernel_documents
    from tsagent.state.instance_data import instance_data
    from tsagent.userdata.assemble import assemble
    from tsagent.userdata.problem import is_advice
    from tsagent.userdata.validation import accept

    defaults, problems = layer_of_defaults(config, modules)
    above, wrong = kernel_documents(kernel, fetch)
    problems = wrong + problems
    # Templates may name our own names as well, and what they say is the instance's, however secret.
    names = dict(source.metadata, **instance_data(source.__dict__, tree, defaults))
    settings = assemble(
        source.user_data,
        vendor_data=source.vendor_data,
        vendor_data2=source.vendor_data2,
        defaults=defaults,
        image_config=above,
        instance_data=names,
        allow_part_handlers=config.allow_part_handlers,
        fetch=fetch,
    )
    origins = settings.origins
    settings.config, found = accept(settings.config, settings.marks or origins, schemas)
    # How a value is better written is for `validate` to say: it degrades no machine that has taken it.
    told = [str(problem) for problem in settings.problems + found if not is_advice(problem)]
    warnings = problems + list(source.warnings) + told
    return settings, warnings
