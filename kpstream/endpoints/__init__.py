"""What finds the poses in one image: the hosted service, any server that speaks its wire, or the embedded model."""
