//go:build !unix

package main

// watch has nothing to watch: the size of the window is asked for each time.
func (v *view) watch() (stop func()) { return func() {} }
