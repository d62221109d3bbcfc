"""Side by side with the peers: each module runs both and writes a table."""
