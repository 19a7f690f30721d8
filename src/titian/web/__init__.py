"""The faces over HTTP: TAXII 2.1 and operation."""
