"""What several tests use: contracts, clips, servers, and the local endpoint."""
