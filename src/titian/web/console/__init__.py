"""The console: the web face for people. It calls the node, shows, and explains; it computes nothing."""
