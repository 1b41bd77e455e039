"""From a mask to a measured tree: arrays and an affine in, meshes and tables out; neither MONAI nor Ignite.

Rooms, each leaning only on those before it: `core`, `surface`, `centerline`, `naming`, `measure`, `io`,
`solver`, `render`, `compare`, `case`. The last one does everything for one case.
"""
