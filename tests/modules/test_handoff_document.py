"""Every document the module writes is valid by its public schema."""

import glob
import json
import os

import jsonschema
import pytest
from test_plans import CASES, make_context, plan

from tsagent.host import Host
from tsagent.registry.discovery import discover
from tsagent.registry.loading import load_module

FILES = sorted(glob.glob(CASES + "/handoff/*.json"))


@pytest.mark.parametrize("path", FILES, ids=[os.path.basename(path)[:-5] for path in FILES])
def test_the_document_is_valid(path, tmp_path, checkout):
    with open(path, encoding="utf-8") as stream:
        case = json.load(stream)
    with open(os.path.join(checkout, "schemas/outputs/handoff.json"), encoding="utf-8") as stream:
        validator = jsonschema.Draft4Validator(json.load(stream))
    tree = Host("/").root
    module = load_module(discover(tree, use_cache=False).modules["handoff"], tree)
    changes = plan(make_context(case, "handoff", tmp_path), module)
    documents = [change.content for change in changes if str(change.target).endswith("handoff.json")]
    for document in documents:
        validator.validate(json.loads(document.decode("utf-8")))
    assert len(set(documents)) == (0 if "nothing" in case else 1)
