"""The parts of ``./dev bench stakes``: what is measured, on what, and the page and charts that show it."""
