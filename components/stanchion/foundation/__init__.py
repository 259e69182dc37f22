"""What everything else stands on: databases and stores."""
