module stanchion.dev/kinds/argo-rollouts

go 1.26

require github.com/argoproj/argo-rollouts v1.9.0
