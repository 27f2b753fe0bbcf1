"""The edge role: from the broker to the siren, the store and the parent."""
