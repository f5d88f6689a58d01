// Package replicas runs several real processes of one node, `aleph node --role
// api`, on a PostgreSQL database, a Redis server and a folder of files, behind a
// load balancer, and takes parts of that away.
package replicas
