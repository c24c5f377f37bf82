"""SourceData keeps everything through JSON and shows nothing."""

import json

import pytest

from tsagent.sources.data import SourceData, none


def sample():
    return SourceData(
        "configdrive",
        "/dev/sr0",
        "ins-1",
        metadata={"instance_id": "ins-1", "public_keys": ["ssh-rsa AAAA x"]},
        sensitive={"password": "canary"},
        user_data=b"\x00\xff#!/bin/sh",
        vendor_data=b"",
        network={"format": "openstack", "config": {"links": []}},
        warnings=["one"],
        fingerprint=[["/x", 1, 2, 3]],
    )


def test_through_json():
    data = sample()
    again = SourceData.from_json(json.loads(json.dumps(data.to_json())))
    assert again.__dict__ == data.__dict__
    assert again.vendor_data == b"" and again.vendor_data2 is None


def test_its_repr_shows_no_content():
    assert "canary" not in repr(sample())


@pytest.mark.parametrize("change", [{"format": 2}, {"format": None}, {"surprise": 1}])
def test_data_of_another_format_is_refused(change):
    data = sample().to_json()
    data.update(change)
    with pytest.raises(ValueError):
        SourceData.from_json(data)


def test_no_source():
    data = none("0123abcd")
    assert (data.source, data.instance_id, data.user_data) == ("none", "0123abcd", None)
