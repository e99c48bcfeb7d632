"""The numbers of the tracker, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackerSettings:
    """How the tracker follows objects. Chosen by the mean error over several clips, never on one.

    *Diagonals* are diagonals of the object's box, so that near and far objects are treated alike. *Small pixels* are
    those of the picture in which points are moved.
    """

    # pictures

    small_side: int = 320
    """Longer side of the small picture that is kept of each frame, in pixels."""
    max_frames: int = 360
    """Pictures that are kept: twelve seconds at 30 a second, longer than any answer is waited for; 21 MB."""
    same_scene: float = 0.5
    """Correlation of two coarse pictures; below it the scene was cut, and nothing is followed across."""
    upload_side: float = 640
    """Pixels of a picture's longer side at the endpoint, whose answers are whole pixels of it."""

    # from one picture to the next

    flow_window: int = 9
    """Side of the patch that optical flow compares, in small pixels."""
    flow_levels: int = 3
    """Halvings of the picture in which optical flow looks first: how far it reaches."""
    flow_returns_within: float = 1.5
    """Small pixels; a point that flow does not bring back as near as this is followed by its neighbours' flow."""
    rounds: int = 2
    """Steps of Gauss-Newton on the edges of an object."""
    rounds_retracked: int = 3
    """The same for an object that is tracked again from a newer answer."""
    grey_noise: float = 8.0
    """Grey values by which two pictures of the same thing differ."""
    grey_outlier: float = 15.0
    """Grey values; what differs by more hardly counts."""
    stretch: float = 0.03
    """Share of its length by which an edge stretches from one picture to the next."""
    turn: float = 0.15
    """The same across the edge: by how much it turns."""
    hold: float = 0.01
    """What keeps a point at its first guess while nothing else says otherwise: inverse variance, in small pixels."""
    moves_beyond: float = 0.3
    """Small pixels; an object all of whose points move less by their own flow is not registered."""
    max_registered: int = 24
    """Objects; in a larger crowd the small ones go by flow alone, as each costs a sixth of a millisecond."""
    max_mesh: int = 64
    """Keypoints; a larger skeleton goes by flow alone, as the cost grows with their third power."""

    # forward: from an answer to the newest picture

    answer_noise: float = 0.006
    """Diagonals by which two answers to one picture differ, standard deviation."""
    step_noise: float = 0.0005
    """Diagonals that one picture adds to a point's standard deviation."""
    slip: float = 0.3
    """What a picture adds, too: this share of the way that the point went."""
    surprise: float = 3.0
    """Standard deviations; where an answer is further off, it is right and the trajectory is wrong."""
    retrack_beyond: float = 0.04
    """Diagonals; a trajectory that an answer corrects by more is tracked again from the answer on."""
    max_fast_forward: int = 28
    """Cost of the fast-forwarding within one frame: 3 for each picture and 1 for each object in it."""
    glide: float = 0.7
    """What is left of a correction one picture later."""

    # lattice: points for an object without keypoints

    few_keypoints: int = 3
    """An object with fewer known keypoints is given a lattice of points in its box."""
    enough_keypoints: int = 6
    """The lattice goes when an answer gives so many."""

    # presence

    max_age: float = 1.0
    """Seconds for which an object that no answer confirms keeps its `tracker_id`, and in which its pose fades."""
    tardiness: float = 0.1
    """Seconds by which an answer may come later than the ones before it."""
    detection_rate: float = 0.7
    """How often answers find an object, before any has shown it."""
    max_detection_rate: float = 0.9
    """No object is found more reliably: everybody may be overlooked once."""
    detection_learning_rate: float = 0.15
    """Weight of the newest answer in an object's detection rate."""
    survival: float = 0.98
    """Share of the objects that are still there one answer later."""
    min_existence: float = 0.3
    """Existence probability from which on an unconfirmed object is drawn."""
    lost_at: float = 0.03
    """Diagonals, standard deviation; an object that several answers did not find is lost when as uncertain as this."""
    judged_every: float = 0.19
    """Seconds; answers that are closer together overlook the same objects, and count once."""
    rests_within: float = 0.02
    """Diagonals; an object that is no further from where the last answer found it rests."""
    rests_for: float = 7.0
    """Seconds for which a resting object stays without an answer: longer than adaptive sampling pauses."""

    # association

    max_distance: float = 0.5
    """Diagonals; a pose that is further from a track belongs to another object."""

    # occlusion

    edge_differs: float = 18.0
    """Grey values by which a hidden edge differs from what it looked like, on average."""
    mostly_hidden: float = 0.4
    """Share of its edges; an object that is hidden by more moves on as it did before."""
    edge_learning_rate: float = 0.3
    """Weight of the newest picture in how an object's edges look."""

    # interpolation

    moves_between: float = 0.02
    """Diagonals; an object that moves less between two answers goes on the straight line."""
    path_noise: float = 0.01
    """Diagonals; no path through the pictures is trusted to be better."""
    straight_weight: float = 0.1
    """Weight of the straight line beside the paths through the pictures."""


DEFAULT = TrackerSettings()
"""The settings of every view."""
