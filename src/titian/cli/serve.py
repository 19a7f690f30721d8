"""``titian serve``."""

import ssl
from pathlib import Path
from typing import Annotated

import typer

from titian.cli.common import DEFAULT_HOME, Home, node
from titian.core.errors import InvalidInput
from titian.web.serve import Listening, check_listening, serve

app = typer.Typer(add_completion=False)


@app.command(
    "serve",
    epilog="Example:  titian serve --home ~/bssn --host 0.0.0.0 --tls-cert node.pem --tls-key node.key",
)
def serve_verb(
    home: Home = DEFAULT_HOME,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8440,
    workers: Annotated[int, typer.Option(help="Processes that answer.", min=1, max=64)] = 1,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file with the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with its private key.")] = None,
    plain_http: Annotated[
        bool,
        typer.Option("--plain-http", help="Serve beyond this machine without TLS: only behind a proxy that does TLS."),
    ] = False,
) -> None:
    """Serve the node over TAXII 2.1 until Ctrl-C or SIGTERM.

    Prints `listening on URL` when it answers. HTTPS needs --tls-cert and --tls-key (TLS 1.2 or later).
    """
    home = home.expanduser()
    listening = check_listening(
        Listening(
            home=home,
            host=host,
            port=port,
            workers=workers,
            tls_cert=tls_cert,
            tls_key=tls_key,
            plain_http=plain_http,
        )
    )
    _check_tls(listening)
    # A node that cannot be opened is told here, once, rather than by every worker.
    node(home).close()
    serve(listening)


def _check_tls(listening: Listening) -> None:
    """Raise :class:`InvalidInput` when certificate and key cannot be used with each other."""
    if listening.tls_cert is None or listening.tls_key is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Nobody is there to be asked for a password when a node starts.
        context.load_cert_chain(listening.tls_cert, listening.tls_key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInput(
            f"{listening.tls_cert} and {listening.tls_key} cannot be used for TLS: {_tls_reason(error)}.",
            advice="Give a PEM file with the certificate chain, and one with its private key without a password.",
        ) from error


def _tls_reason(error: Exception) -> str:
    named = getattr(error, "reason", None)
    return named.lower().replace("_", " ") if isinstance(named, str) else "they are not PEM files, or need a password"
