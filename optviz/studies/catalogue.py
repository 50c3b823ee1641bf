"""Every study by the name of its command, in chapters: enough for a help, without an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Listed(NamedTuple):
    """A line of the catalogue: enough for `optviz --help`, without an import."""

    home: str
    chapter: str
    summary: str


_PATHS, _SWEEPS, _NETWORKS = "paths on a function", "many runs at once", "networks"
_DEPTH, _INIT = "activations and depth", "first weights"
_NORM, _FIT = "batch normalisation", "over-fitting"

LISTED: Mapping[str, Listed] = {
    "animate": Listed("animate:AnimateStudy", _PATHS, "Animate optimizers on a function."),
    "plot": Listed("plot:PlotStudy", _PATHS, "Draw paths on a function's contours."),
    "explain": Listed("explain:ExplainStudy", _PATHS, "Take each step of an optimizer apart."),
    "schedules": Listed(
        "schedules:SchedulesStudy", _PATHS, "Show what schedules of the rate do to path and loss."
    ),
    "basins": Listed(
        "basins:BasinsStudy", _SWEEPS, "Map which minimum each start reaches, and how fast."
    ),
    "sensitivity": Listed(
        "sensitivity:SensitivityStudy", _SWEEPS, "Show how far optimizers get with each rate."
    ),
    "phase": Listed(
        "phase:PhaseStudy", _SWEEPS, "Map how fast an optimizer converges over two settings."
    ),
    "activations": Listed(
        "activations:ActivationsStudy", _DEPTH, "Show activations beside their derivatives."
    ),
    "vanishing": Listed(
        "vanishing:VanishingStudy", _DEPTH,
        "Show how signals and gradients fade or explode through deep networks.",
    ),
    "hidden-units": Listed(
        "hidden_units:HiddenUnitsStudy", _DEPTH,
        "Show what each hidden unit tells apart, layer by layer.",
    ),
    "scaling": Listed(
        "scaling:ScalingStudy", _DEPTH, "Show what scaling of inputs makes of loss and gradients."
    ),
    "init-histograms": Listed(
        "init_histograms:InitHistogramsStudy", _INIT,
        "Show how the scale of first weights spreads or crushes activations.",
    ),
    "init-training": Listed(
        "init_training:InitTrainingStudy", _INIT,
        "Show what first weights make of training, and whether units become different.",
    ),
    "lab-inits": Listed(
        "lab_inits:LabInitsStudy", _INIT,
        "Train the lab's convolutional network from several first weights.",
    ),
    "lab-optimizers": Listed(
        "lab_optimizers:LabOptimizersStudy", _INIT,
        "Train the lab's convolutional network with several optimizers.",
    ),
    "covariate-shift": Listed(
        "covariate_shift:CovariateShiftStudy", _NORM,
        "Show how inputs of layers wander, with batch normalisation and without.",
    ),
    "bn-grid": Listed(
        "bn_grid:BnGridStudy", _NORM,
        "Train from many scales of first weights, with batch normalisation and without.",
    ),
    "bn-rates": Listed(
        "bn_rates:BnRatesStudy", _NORM,
        "Show how large a rate may be, with batch normalisation and without.",
    ),
    "bn-inference": Listed(
        "bn_inference:BnInferenceStudy", _NORM,
        "Show what may normalise a sample when a network is used.",
    ),
    "fit": Listed(
        "fit:FitStudy", _FIT, "Show under-fitting, a good fit and over-fitting by capacity."
    ),
    "regularise": Listed(
        "regularise:RegulariseStudy", _FIT,
        "Try what is done against over-fitting, beside the network as it was.",
    ),
    "few-samples": Listed(
        "few_samples:FewSamplesStudy", _FIT,
        "Show how training and test accuracy part on few samples.",
    ),
    "dropout-masks": Listed(
        "dropout_masks:DropoutMasksStudy", _FIT,
        "Show the thinned networks of dropout, their vote, and how alike units become.",
    ),
    "boundaries": Listed(
        "boundaries:BoundariesStudy", _FIT,
        "Map decision boundaries for penalties and dropout.",
    ),
    "augment": Listed(
        "augment:AugmentStudy", _FIT, "Learn from images that are shifted, turned, mirrored, noisy."
    ),
    "early-stopping": Listed(
        "early_stopping:EarlyStoppingStudy", _FIT,
        "Stop where the validation loss is lowest, and see what going on would cost.",
    ),
    "landscape": Listed(
        "landscape:LandscapeStudy", _NETWORKS,
        "Draw a network's loss around the paths of optimizers.",
    ),
    "conv": Listed(
        "conv:ConvStudy", _NETWORKS,
        "Show filters and feature maps, and which pixels an answer hangs on.",
    ),
    "train": Listed(
        "train:TrainStudy", _NETWORKS, "Train a network and draw its curves; or compare optimizers."
    ),
    "confusion": Listed(
        "confusion:ConfusionStudy", _NETWORKS, "Count which classes a network takes for which."
    ),
    "mistakes": Listed(
        "mistakes:MistakesStudy", _NETWORKS, "Show the pictures that a network gets most wrong."
    ),
    "boundary": Listed(
        "boundary:BoundaryStudy", _NETWORKS, "Map where a network changes its mind."
    ),
}  # fmt: skip
