"""`tidemark webhook`: takes events that others post, and lands them."""

from typing import Annotated

import typer

from dagster_project.cli.output import console
from dagster_project.platform import load_platform
from dagster_project.settings import environment_variable


def webhook(
    port: Annotated[
        int | None, typer.Option(help="Port; without: the setting `webhook_port`.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; without: the setting `host`.")
    ] = None,
) -> None:
    """Take events posted to the declared webhook sources, until it is stopped.

    `POST /<source>` with the header `Authorization: Bearer <secret>` takes a JSON object, a list
    of objects or JSON lines. The answer 200 means that the events are on the disk; they land in
    batches as JSON lines. Without that answer send them again: an event can come twice, never be
    lost. It listens on this machine only, without TLS: put a proxy with TLS before it.
    """
    import uvicorn

    from lakehouse.webhook.server import inlets, sole_server, webhook_app

    platform = load_platform()
    settings = platform.settings
    folder = settings.state / "webhook"
    with sole_server(folder):
        found = inlets(
            platform.feeds,
            folder=folder,
            landing=settings.landing_path,
            s3=settings.s3_access,
            variable=environment_variable,
        )
        host, port = host or settings.host, port or settings.webhook_port
        for name in found:
            console.print(f"taking events at http://{host}:{port}/{name}", highlight=False)
        uvicorn.run(webhook_app(found), host=host, port=port, log_level="warning")
