// Package telemetry is what every long-lived part tells the outside about
// itself: log lines ([NewLogger]), metrics ([NewRegistry]) and health
// ([Health]). A part is given a logger and a registry by whoever builds it and
// never reaches for a global one.
//
// The package is imported by any part of the program and imports none.
package telemetry
