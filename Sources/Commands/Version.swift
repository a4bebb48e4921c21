/// The version of this program, of the server and of the command line: they are one.
package let roostVersion = "0.1.0"
