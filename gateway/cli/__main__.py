"""``python -m gateway.cli`` is ``pointsman``."""

from gateway.cli import main

main()
