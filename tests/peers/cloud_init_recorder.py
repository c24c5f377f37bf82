"""A pytest plugin for cloud-init's own tests: it writes down what they show of cloud-init.

Loaded in cloud-init's environment with `-p cloud_init_recorder`; writes JSON to $TSAGENT_PEER_RECORD:
`schema`: {"test", "config", "valid", "error"}, each configuration that a test gave to the validator, judged
by the whole schema; `parts`: {"test", "parts", "config"}, cloud-config parts with their headers and what
they were merged to; `sources`: {"test", "layers", "config"}, layers merged, the first one highest.
"""

import copy
import json
import os

import pytest

RECORD = {"schema": [], "parts": [], "sources": []}
CURRENT = [""]


def _note(room, **case):
    try:
        json.dumps(case)
    except (TypeError, ValueError):
        return  # not data
    RECORD[room].append(dict(case, test=CURRENT[0]))


def _watch_schema():
    from cloudinit.config import schema

    judge = schema.validate_cloudconfig_schema

    def watching(config, *words, **named):
        kind = named.get("schema_type") or (words[1] if len(words) > 1 else None)
        given = named.get("schema") or (words[0] if words else None)
        whole = given is None or "allOf" in given  # a schema of the test's own says nothing of cloud-init's
        if whole and str(getattr(kind, "value", kind) or "cloud-config") == "cloud-config":
            before = copy.deepcopy(config)
            error = ""
            try:
                judge(config, schema.get_schema(), strict=True, log_deprecations=False)
                valid = True
            except schema.SchemaValidationError as found:
                valid, error = not found.has_errors(), str(found)
            except Exception:  # noqa: BLE001 (whatever a test has done to it)
                valid = None
            if valid is not None and isinstance(before, dict):
                _note("schema", config=before, valid=valid, error=error[:600])
        return judge(config, *words, **named)

    schema.validate_cloudconfig_schema = watching


def _watch_parts():
    from cloudinit import handlers
    from cloudinit.handlers import cloud_config

    handler = cloud_config.CloudConfigPartHandler
    take = handler.handle_part

    def watching(self, data, ctype, filename, payload, frequency, headers):
        if ctype == handlers.CONTENT_START:
            self.watched = []
        elif ctype == handlers.CONTENT_END:
            if self.watched and isinstance(self.cloud_buf, dict):
                _note("parts", parts=self.watched, config=copy.deepcopy(self.cloud_buf))
        elif hasattr(self, "watched") and isinstance(payload, str):
            jsonp = ctype == handlers.INCLUSION_TYPES_MAP[cloud_config.JSONP_PREFIX]
            kind = "text/cloud-config-jsonp" if jsonp else "text/cloud-config"
            self.watched.append({"type": kind, "text": payload, "headers": dict(headers or {})})
        return take(self, data, ctype, filename, payload, frequency, headers)

    handler.handle_part = watching


def _watch_sources():
    from cloudinit import util

    merge = util.mergemanydict

    def watching(sources, reverse=False):
        layers = copy.deepcopy(list(sources))
        merged = merge(sources, reverse)
        if not reverse and all(isinstance(layer, dict) for layer in layers):
            _note("sources", layers=layers, config=copy.deepcopy(merged))
        return merged

    util.mergemanydict = watching


def pytest_configure(config):
    _watch_schema()
    _watch_parts()
    _watch_sources()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    CURRENT[0] = item.nodeid


def pytest_unconfigure(config):
    with open(os.environ["TSAGENT_PEER_RECORD"], "w", encoding="utf-8") as stream:
        json.dump(RECORD, stream)
