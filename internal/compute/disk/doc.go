// Package disk makes directories that a machine can mount out of files that
// nobody has to trust: archives of code and data ([UnpackZip],
// [UnpackSquashfs]), and the volumes that functions write to ([Volumes]).
//
// An archive is unpacked within limits of size, entries and time into a folder
// of its own. A path or a link that leads out of the folder, a device, a pipe,
// a set-user-id bit or a repeated name refuses the whole archive: nothing of a
// refused archive remains.
package disk
