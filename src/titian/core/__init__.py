"""The pure core: values in, values out. Imports nothing of ours outside itself."""
