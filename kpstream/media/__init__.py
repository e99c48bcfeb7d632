"""What streams are made of: frames and their sound, and which frames are wanted."""
