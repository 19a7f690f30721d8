"""Other systems' formats and protocols: STIX files, TAXII, MISP, CSV."""
