"""The bridge's own verbs: hold, receive, carry."""
