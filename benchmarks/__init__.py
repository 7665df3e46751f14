"""Speed and memory as ratios against a peer or the raw limit, measured in the same run. Not part of the tests."""
