"""``kpstream serve``: a local endpoint."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from kpstream.cli.app import app, examples
from kpstream.endpoints.opening import read_key
from kpstream.errors import SinkError


@app.command(
    epilog=examples(
        "kpstream serve",
        "kpstream live 0 --model any-model/1 --endpoint http://127.0.0.1:9001",
        "kpstream serve --host 0.0.0.0 --api-key-file key.txt   # for other machines",
    )
)
def serve(
    host: Annotated[str, typer.Option(help="Where to listen; other than loopback wants a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9001,
    api_key_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The key that is asked for.", show_default="any key is let in")
    ] = None,
    allow_private_images: Annotated[
        bool, typer.Option("--allow-private-images", help="Fetch image= URLs from private addresses too.")
    ] = False,
) -> None:
    """Run a local endpoint that speaks the hosted service's wire, with the embedded model behind it."""
    from kpstream.camera.cores import draw_on_one_core
    from kpstream.models.movenet import MoveNet
    from kpstream.models.runtime import usable_cores
    from kpstream.pipeline.memory import keep_heaps
    from kpstream.server import Server, create_app

    draw_on_one_core()
    keep_heaps()
    key = None if api_key_file is None else read_key(api_key_file)
    model = MoveNet()
    application = create_app(
        model.find,
        api_key=key,
        allow_private_images=allow_private_images,
        long_side=model.long_side,
        max_at_once=max(2, usable_cores()),
    )
    server = Server(application, host, port)
    server.serve_forever(_tell_ready)


def _tell_ready(url: str) -> None:
    with suppress(SinkError):  # it serves also where nobody reads that
        typer.echo(f"READY {url}")
