"""`voxshard key new`: make an API key for a tenant."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.access.keys import key_digest, new_key
from gateway.access.tenants import is_tenant_id


def new(
    tenant: Annotated[str, typer.Argument(help="id of the tenant")],
    name: Annotated[str, typer.Option(help="what the key is for, to find it again in the file")] = "default",
) -> None:
    """Make a key: print it, this once, and the lines for the tenants file, which hold its hash alone."""
    if not is_tenant_id(tenant):
        raise typer.BadParameter("1 to 64 letters, digits, - and _, the first a letter or digit")
    key = new_key()
    typer.echo(f"key, shown this once: {key}\n\nfor the tenants file:\n")
    typer.echo(f"[[tenants.{tenant}.keys]]")
    typer.echo(f"name = {json.dumps(name)}")
    typer.echo(f'sha256 = "{key_digest(key).hex()}"')
