"""Files that items carry and that nodes read and write, each workspace's beneath a root of its own."""
