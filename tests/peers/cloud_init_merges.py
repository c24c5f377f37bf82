"""Run by cloud-init's interpreter: merges cases as cloud-init does.

Standard input: a JSON list of {"parts": [YAML text ...]} or {"layers": [mapping ...]}; standard output: a
JSON list of what each becomes, null where cloud-init loses a part to an exception of its own. A text or
mapping that is appended to a list is taken apart there by accident (Python's `extend`); such cases are no
cases either.
"""

import json
import sys


def main():
    from cloudinit import helpers, util
    from cloudinit.handlers import CONTENT_START, cloud_config
    from cloudinit.mergers import m_list

    merge_lists = m_list.Merger._on_list

    def lists_alone(self, value, merge_with):
        if self._method in ("append", "prepend") and not isinstance(merge_with, (list, tuple)):
            raise TypeError
        return merge_lists(self, value, merge_with)

    m_list.Merger._on_list = lists_alone
    merged = []
    for case in json.load(sys.stdin):
        try:
            if "layers" in case:
                merged.append(util.mergemanydict(case["layers"]))
                continue
            handler = cloud_config.CloudConfigPartHandler(helpers.Paths({}))
            handler.handle_part(None, CONTENT_START, None, None, None, None)
            for number, text in enumerate(case["parts"]):
                handler.handle_part(None, None, "part-%d" % number, text, None, {})
            whole = len(handler.file_names) == len(case["parts"])
            merged.append(handler.cloud_buf if whole else None)
        except Exception:  # noqa: BLE001 (a case that it cannot merge is no case)
            merged.append(None)
    json.dump(merged, sys.stdout)


main()
