"""What happened lately, over HTTP."""
