# An image with tsagent in it, made of a machine that boots: a cloud image under QEMU, or any machine that is
# reached by ssh.
#
#     packer build -only=qemu.image -var base_image=debian-12-generic-amd64.qcow2 -var package=tsagent.deb .
#     packer build -only=null.machine -var ssh_host=203.0.113.7 -var package=tsagent.rpm .
#
# The second one cleans that machine: stop it and take its image afterwards (with Tencent Cloud's builder, put
# `source "tencentcloud-cvm"` into its place: the provisioners stay as they are).
#
# Packer 1.6.6 or newer; from 1.7 on the QEMU builder is a plugin: packer plugins install github.com/hashicorp/qemu

variable "package" {
  type        = string
  description = "The package file of tsagent for this distribution."
}

variable "agent_config" {
  type        = string
  default     = "agent.yaml"
  description = "A drop-in for /etc/tsagent/agent.d."
}

variable "accept_degraded" {
  type        = bool
  default     = true
  description = "Whether to go on where everything ran and something wants attention."
}

variable "ssh_username" {
  type    = string
  default = "builder"
}

variable "ssh_private_key_file" {
  type    = string
  default = "builder.key"
}

variable "ssh_host" {
  type    = string
  default = "127.0.0.1"
}

variable "base_image" {
  type        = string
  default     = "base.qcow2"
  description = "A disk image that takes a NoCloud seed: of cloud-init's or of tsagent's."
}

variable "accelerator" {
  type    = string
  default = "kvm"
}

source "qemu" "image" {
  iso_url          = var.base_image
  iso_checksum     = "none"
  disk_image       = true
  format           = "qcow2"
  headless         = true
  accelerator      = var.accelerator
  memory           = 2048
  cpus             = 2
  output_directory = "output"
  vm_name          = "tsagent.qcow2"

  # The seed: seed/user-data makes the account that Packer logs in with.
  cd_files = ["seed/meta-data", "seed/user-data"]
  cd_label = "cidata"

  communicator         = "ssh"
  ssh_username         = var.ssh_username
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "15m"
  shutdown_command     = "sudo systemctl poweroff"
}

source "null" "machine" {
  communicator         = "ssh"
  ssh_host             = var.ssh_host
  ssh_username         = var.ssh_username
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "15m"
}

build {
  sources = ["source.qemu.image", "source.null.machine"]

  # sshd is up long before the first boot has done its work. 0 done, 1 an error, 2 degraded, 124 not done in time.
  provisioner "shell" {
    inline = [
      "if command -v tsagent >/dev/null; then",
      "  tsagent status --wait --timeout 600 --fail-on degraded",
      "elif command -v cloud-init >/dev/null; then",
      "  timeout 600 cloud-init status --wait",
      "fi",
    ]
    valid_exit_codes = var.accept_degraded ? [0, 2] : [0]
  }

  provisioner "file" {
    source      = var.package
    destination = "/var/tmp/${basename(var.package)}"
  }

  provisioner "file" {
    source      = var.agent_config
    destination = "/var/tmp/10-image.yaml"
  }

  provisioner "shell" {
    inline = [
      "set -eu",
      "if command -v apt-get >/dev/null; then",
      "  sudo DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /var/tmp/${basename(var.package)}",
      "elif command -v dnf >/dev/null; then",
      "  sudo dnf -y install /var/tmp/${basename(var.package)}",
      "else",
      "  sudo yum -y install /var/tmp/${basename(var.package)}",
      "fi",
      "sudo install -D -m 0644 /var/tmp/10-image.yaml /etc/tsagent/agent.d/10-image.yaml",
      "sudo rm -f /var/tmp/${basename(var.package)} /var/tmp/10-image.yaml",
    ]
  }

  # Put your own provisioners here. Those that follow are the last.

  provisioner "shell" {
    inline = [
      "set -eu",
      # What let the builder in must not let it into the clones.
      "sudo rm -f ~/.ssh/authorized_keys",
      "sudo tsagent clean --machine-id --logs",
      "sudo test -e /var/lib/tsagent/clean",
      "! ls /etc/ssh/ssh_host_*_key >/dev/null 2>&1",
    ]
  }
}
