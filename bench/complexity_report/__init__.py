"""The parts of ``bench.complexity``: outcomes read, routers scored, curves measured, the page written."""
