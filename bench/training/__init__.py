"""Training of the stakes model, from the repository's own material: `./dev train`."""
