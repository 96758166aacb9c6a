from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from cli.main import app
from gateway.access.keys import tenant_of_key
from gateway.access.tenants import parse_tenants


def test_new_key_works_with_the_lines_that_come_with_it() -> None:
    said = CliRunner().invoke(app, ["key", "new", "acme", "--name", 'the "old" phones']).stdout
    key = re.search(r"vxs_\S+", said)
    assert key is not None
    head, _, lines = said.partition("for the tenants file:\n")
    tenants = parse_tenants(lines)
    assert tenant_of_key(key.group(), tenants.keys) == "acme"
    assert key.group() in head and key.group() not in lines


def test_keys_differ() -> None:
    first, second = (CliRunner().invoke(app, ["key", "new", "acme"]).stdout for _ in range(2))
    assert first != second


@pytest.mark.parametrize("tenant", ["", "a b", "a.b"])
def test_tenant_that_the_file_cannot_name_is_refused(tenant: str) -> None:
    result = CliRunner().invoke(app, ["key", "new", tenant])
    assert result.exit_code == 2 and "vxs_" not in result.output
