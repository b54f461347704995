package generate

import "github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"

// cluster is what every node knows of the cluster.
func cluster(in *Input) v1alpha1.Cluster {
	kubernetesRegistryOff := true
	c := v1alpha1.Cluster{
		ID:           in.Secrets.Cluster.ID,
		Secret:       in.Secrets.Cluster.Secret,
		ControlPlane: v1alpha1.ControlPlaneEndpoint{Endpoint: in.Endpoint},
		ClusterName:  in.ClusterName,
		Network: v1alpha1.ClusterNetwork{
			DNSDomain:      orDefault(in.DNSDomain, DefaultDNSDomain),
			PodSubnets:     []string{"10.244.0.0/16"},
			ServiceSubnets: []string{"10.96.0.0/12"},
		},
		Token: in.Secrets.Secrets.BootstrapToken,
		CA:    v1alpha1.CertificateAndKey{Crt: in.Secrets.Certs.K8s.Crt},
	}

	if !in.NoDiscovery {
		c.Discovery.Enabled = true
		c.Discovery.Registries.Kubernetes.Disabled = &kubernetesRegistryOff
	}

	return c
}

// controlPlaneSecrets adds what only control plane nodes know and run.
func controlPlaneSecrets(in *Input, c *v1alpha1.Cluster) {
	s := in.Secrets
	c.AESCBCEncryptionSecret = s.Secrets.AESCBCEncryptionSecret
	c.SecretboxEncryptionSecret = s.Secrets.SecretboxEncryptionSecret
	c.CA = s.Certs.K8s
	c.AggregatorCA = s.Certs.K8sAggregator
	c.ServiceAccount = s.Certs.K8sServiceAccount
	c.Etcd.CA = s.Certs.Etcd
	c.APIServer = v1alpha1.APIServer{
		CertSANs: append([]string(nil), in.AdditionalSANs...),
		AdmissionControl: []v1alpha1.AdmissionPlugin{
			{Name: "PodSecurity", Configuration: podSecurity()},
		},
		AuditPolicy: map[string]any{
			"apiVersion": "audit.k8s.io/v1",
			"kind":       "Policy",
			"rules":      []any{map[string]any{"level": "Metadata"}},
		},
	}
}

// podSecurity is Kubernetes' Pod Security admission: baseline is enforced, and
// what is not restricted is warned of.
func podSecurity() map[string]any {
	return map[string]any{
		"apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
		"kind":       "PodSecurityConfiguration",
		"defaults": map[string]any{
			"audit":           "restricted",
			"audit-version":   "latest",
			"enforce":         "baseline",
			"enforce-version": "latest",
			"warn":            "restricted",
			"warn-version":    "latest",
		},
		"exemptions": map[string]any{
			"namespaces":     []any{"kube-system"},
			"runtimeClasses": []any{},
			"usernames":      []any{},
		},
	}
}
