"""What was shown, for which trees and which checkpoint, and where it is kept."""
