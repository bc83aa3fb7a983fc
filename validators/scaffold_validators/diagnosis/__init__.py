"""Why a server failed, told from its logs.

`diagnose` takes the text of one log (or its lines), `diagnose_files` files and folders, plog folders of CANN among
them. Both are pure functions of what the logs say; ``allow`` names rows of the signatures that are no failure here.
"""

from scaffold_validators.diagnosis.diagnose import diagnose, diagnose_files, diagnose_logs
from scaffold_validators.diagnosis.finding import UNKNOWN, Diagnosis, Finding

__all__ = ["UNKNOWN", "Diagnosis", "Finding", "diagnose", "diagnose_files", "diagnose_logs"]
