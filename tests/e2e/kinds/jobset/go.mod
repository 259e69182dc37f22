module stanchion.dev/kinds/jobset

go 1.26

require sigs.k8s.io/jobset v0.12.0
