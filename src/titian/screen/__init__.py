"""Screening: is this wallet, image, drone, name or address known? In clear, and privately between parties."""
