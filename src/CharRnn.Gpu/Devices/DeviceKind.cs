namespace CharRnn.Gpu.Devices;

/// <summary>The kinds of device that ILGPU drives.</summary>
public enum DeviceKind
{
    /// <summary>This machine's cores, through ILGPU's CPU accelerator and SIMD primitives.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,

    /// <summary>Any OpenCL 2.0+ device with the generic address space.</summary>
    OpenCl,
}
