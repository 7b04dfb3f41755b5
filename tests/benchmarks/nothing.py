"""A typer program that does nothing: what no command of a typer program can do without."""

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def nothing() -> None:
    """Do nothing."""


if __name__ == "__main__":
    app()
