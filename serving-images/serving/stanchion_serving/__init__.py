"""What every HTTP server among the serving images shares: logs, and a shutdown without loss."""
