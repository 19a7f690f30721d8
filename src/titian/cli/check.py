"""``titian check``."""

import typer

from titian.cli.common import DEFAULT_HOME, Home, Json, node, print_json, table
from titian.cli.terminal import say

app = typer.Typer(add_completion=False)


@app.command(epilog="Example:  titian check --home ~/bssn")
def check(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Is this node healthy: database, migrations, disk, clock, keys, collections. Exit 1 when something is not."""
    with node(home) as opened:
        findings = opened.health.check()
    healthy = all(finding.ok for finding in findings)
    if json:
        print_json({"healthy": healthy, "findings": findings})
    else:
        rows = [("✓" if finding.ok else "✗", finding.check, finding.detail) for finding in findings]
        table("", {"": "left", "check": "left", "what was seen": "left"}, rows)
        say("This node is healthy." if healthy else "This node is not healthy.")
    if not healthy:
        raise typer.Exit(1)
