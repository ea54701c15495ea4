"""What an answer costs: the gateway, the standard engine and hand-written endpoints, side by side."""
