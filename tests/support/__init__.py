"""Helpers shared by the tests: a database server, nodes driven from outside, a bare TAXII client."""
