"""``kpstream image``: one picture, or several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kpstream.cli.app import app, examples
from kpstream.cli.options import check_named, takes
from kpstream.cli.terminal import say
from kpstream.errors import EndpointError, SourceError, UnfitPicture, UsageError
from kpstream.options import DrawOptions, ModelOptions
from kpstream.redact import redact

if TYPE_CHECKING:
    from kpstream.image import ImagePredictor
    from kpstream.sinks.output import OutputFile


@app.command(
    epilog=examples(
        "kpstream image picture.jpg --save drawn.jpg   # the prediction goes to stdout",
        "kpstream image *.jpg --model my-pose/3 > poses.jsonl   # a line each",
    )
)
@takes(model=ModelOptions, drawing=DrawOptions)
def image(
    pictures: Annotated[
        list[str], typer.Argument(metavar="PICTURE_OR_URL...", help="Files, http(s) addresses, or - for a pipe.")
    ],
    model: ModelOptions,
    drawing: DrawOptions,
    *,
    save: Annotated[Path | None, typer.Option(metavar="OUT.jpg", help="Save the drawn picture.")] = None,
    form: Annotated[
        Literal["json", "image", "image_and_json"],
        typer.Option("--format", help="What is asked for: with 'image', --save gets what the endpoint itself drew."),
    ] = "json",
    stroke: Annotated[
        int | None, typer.Option(min=0, max=100, metavar="PX", help="Line width of the endpoint's own drawing.")
    ] = None,
    labels: Annotated[
        bool | None, typer.Option("--labels/--no-labels", help="Class names in the endpoint's own drawing.")
    ] = None,
) -> None:
    """Find the poses in one picture; the prediction goes to stdout as JSON, a line a picture.

    A URL is handed to the endpoint, which fetches the picture; nothing is fetched here.
    """
    from kpstream.endpoints.opening import make_endpoint
    from kpstream.image import DrawingRequest, ImagePredictor, check_saving, save_picture
    from kpstream.render import PoseAnnotator
    from kpstream.sinks.output import STDOUT, OutputFile

    check_named(pictures)
    if save is None and form == "image":
        raise UsageError("--format image gives a picture and no JSON: add --save OUT.jpg")
    if save is not None and len(pictures) > 1:
        raise UsageError("--save names one picture: give one input, or leave it out")
    if save is not None:
        check_saving(save, pictures)
    lines = OutputFile(STDOUT)
    annotator = PoseAnnotator(draw=drawing.parts, thickness=drawing.thickness)
    endpoint = make_endpoint(model)
    say(f"with {endpoint.name}")
    drawing_request = DrawingRequest(form, stroke, labels)
    with closing(ImagePredictor(endpoint, model.filters, drawing_request)) as predictor:
        if len(pictures) > 1:
            _predict_all(predictor, pictures, lines)
            return
        prediction, shown = predictor.predict(pictures[0], wants_drawing=save is not None)
        if prediction.document is not None:
            lines.write(_line(prediction.document))
        if save is not None:
            save_picture(save, prediction, shown, annotator)


def _predict_all(predictor: ImagePredictor, pictures: Sequence[str], lines: OutputFile) -> None:
    """Write a line for each picture; one that is broken does not keep the others from theirs.

    Raises:
        EndpointError: The endpoint answered about none of the pictures before.
        Exit: All are done, and some were broken.
    """
    exit_code, answered = 0, 0
    for picture in pictures:
        try:
            prediction, _ = predictor.predict(picture, wants_drawing=False)
        except (SourceError, EndpointError, UnfitPicture) as error:
            if isinstance(error, EndpointError) and not answered:
                raise
            text = str(error)
            say(f"error: {text if picture in text else f'{picture}: {text}'}")
            exit_code = exit_code or error.exit_code
            continue
        answered += 1
        if prediction.document is not None:
            lines.write(_line({"source": redact(picture), **prediction.document}))
    if exit_code:
        raise typer.Exit(exit_code)


def _line(document: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(document, separators=(',', ':'))}\n".encode()
