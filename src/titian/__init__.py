"""Titian: a bridge between agencies for exchanging intelligence under agreements, with proof."""
